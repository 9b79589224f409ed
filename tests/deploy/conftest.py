import pytest
from release_reference import weights_by_key


@pytest.fixture
def as_trained():
    """Set the weights and statistics with which the outputs of the release were recorded, and set evaluation mode."""
    def give(model):
        model.load_state_dict(weights_by_key([(key, list(value.shape)) for key, value in model.state_dict().items()]))
        model.eval()
        return model

    return give
