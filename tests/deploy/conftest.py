import pytest
from release_reference import weights_by_key


@pytest.fixture
def as_trained():
    """Give a model weights and statistics as the recorded outputs of the release have them, and put it in evaluation."""
    def give(model):
        model.load_state_dict(weights_by_key([(key, list(value.shape)) for key, value in model.state_dict().items()]))
        model.eval()
        return model

    return give
